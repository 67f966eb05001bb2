import { type EndpointShape, endpoints, errorCatalog, errorResponseSchema } from "@agentvine/contracts";
import type { z } from "zod";
import { createSchemaCatalog, type JsonSchema, type SchemaCatalog } from "./json-schemas.ts";
import { schemesOf, securityOf } from "./security-schemes.ts";

type Properties = Record<string, JsonSchema>;

const groups: Record<string, Record<string, EndpointShape>> = endpoints;
const allEndpoints = Object.entries(groups).flatMap(([group, routes]) =>
  Object.entries(routes).map(([name, endpoint]) => ({ id: `${group}.${name}`, endpoint })),
);

const exampleOf = (example: unknown, name: string): { example: unknown } | Record<string, never> => {
  const value = typeof example === "object" && example !== null ? Reflect.get(example, name) : undefined;
  return value === undefined ? {} : { example: value };
};

function parametersOf(
  catalog: SchemaCatalog,
  schema: z.ZodType | undefined,
  place: "path" | "query",
  example: unknown,
): object[] {
  if (schema === undefined) {
    return [];
  }
  // Values arrive as text: what they mean is the output, whether they may be left out is the input.
  const properties = (catalog.of(schema, "output").properties ?? {}) as Properties;
  const required = (catalog.of(schema, "input").required ?? []) as string[];
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: property,
    ...(property.type === "array" ? { style: "form", explode: false } : {}),
    ...exampleOf(example, name),
  }));
}

const idempotencyParameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "A repeat of the request with the same key gets the stored answer.",
  schema: { type: "string", minLength: 1, maxLength: 200 },
};

function requestBodyOf(catalog: SchemaCatalog, endpoint: EndpointShape): { requestBody?: object } {
  if (endpoint.rawBodyBytesMax !== undefined) {
    const description = `The bytes, at most ${endpoint.rawBodyBytesMax}.`;
    return { requestBody: { required: true, description, content: { "application/octet-stream": {} } } };
  }
  if (endpoint.body === undefined) {
    return {};
  }
  const content = { schema: catalog.of(endpoint.body, "input"), ...exampleOf(endpoint.example, "body") };
  return { requestBody: { required: true, content: { "application/json": content } } };
}

function successOf(catalog: SchemaCatalog, endpoint: EndpointShape): Record<string, object> {
  const description = endpoint.summary;
  if (endpoint.response !== null) {
    const content = {
      schema: catalog.of(endpoint.response, "output"),
      ...exampleOf(endpoint.example, "response"),
    };
    return {
      [endpoint.status]: { description, content: { "application/json": content } },
      ...(endpoint.isEmptyAllowed === true ? { "204": { description: "There is nothing." } } : {}),
    };
  }
  if (endpoint.responseType === undefined || endpoint.status === 303) {
    return { [endpoint.status]: { description } };
  }
  const content = { schema: { type: "string" }, ...exampleOf(endpoint.example, "response") };
  return { [endpoint.status]: { description, content: { [endpoint.responseType]: content } } };
}

function operationOf(catalog: SchemaCatalog, id: string, endpoint: EndpointShape): object {
  const example = endpoint.example;
  return {
    operationId: id,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    ...(endpoint.description === undefined ? {} : { description: endpoint.description }),
    "x-permission": endpoint.permission,
    security: securityOf(endpoint),
    parameters: [
      ...parametersOf(catalog, endpoint.params, "path", example?.params),
      ...parametersOf(catalog, endpoint.query, "query", example?.query),
      ...(endpoint.isIdempotent === true ? [idempotencyParameter] : []),
    ],
    ...requestBodyOf(catalog, endpoint),
    responses: { ...successOf(catalog, endpoint), default: { $ref: "#/components/responses/Error" } },
  };
}

const errorTable = Object.entries(errorCatalog)
  .map(([code, { kind, title }]) => `| \`${code}\` | ${kind} | ${title} |`)
  .join("\n");

const description = `Dispatch centre for coding agents.

Every request but the open ones carries \`Authorization: Bearer <token>\` or a cookie; each route names what it takes. Errors have one shape and one of these codes.

<details>
<summary>Error codes</summary>

| code | kind | meaning |
|---|---|---|
${errorTable}

</details>`;

/** The OpenAPI 3.1 description of every route, made of the contracts. */
export function createOpenApiDocument(version: string): Record<string, unknown> {
  const catalog = createSchemaCatalog(allEndpoints.map(({ endpoint }) => endpoint));
  const paths: Record<string, Record<string, object>> = {};
  for (const { id, endpoint } of allEndpoints) {
    const path = endpoint.path.replace(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(catalog, id, endpoint) };
  }
  const responses = {
    Error: {
      description: "The request was refused.",
      content: { "application/json": { schema: catalog.of(errorResponseSchema, "output") } },
    },
  };
  return {
    openapi: "3.1.0",
    info: {
      title: "AgentVine",
      version,
      description,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    tags: [...new Set(allEndpoints.map(({ endpoint }) => endpoint.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: catalog.componentsFor([paths, responses]),
      responses,
      securitySchemes: schemesOf(allEndpoints.map(({ endpoint }) => endpoint)),
    },
  };
}
