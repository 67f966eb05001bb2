import { type EndpointShape, errorResponseSchema } from "@agentvine/contracts";
import { z } from "zod";

export type JsonSchema = Record<string, unknown>;

const refPrefix = "#/components/schemas/";

/** Every `$ref` inside, as the names they point to. */
export function referencesIn(value: unknown): string[] {
  if (Array.isArray(value)) {
    return value.flatMap(referencesIn);
  }
  if (typeof value !== "object" || value === null) {
    return [];
  }
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner.replace(refPrefix, "")] : referencesIn(inner),
  );
}

function renameReferences(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) {
    return value.map((inner) => renameReferences(inner, rename));
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === "$ref" && typeof inner === "string"
        ? `${refPrefix}${rename(inner.replace(refPrefix, ""))}`
        : renameReferences(inner, rename),
    ]),
  );
}

type Direction = "input" | "output";

/** Schemas that have no name of their own: looked up by the schema, then written where they are used. */
type Anonymous = Map<z.ZodType, string>;

function generate(
  registry: z.core.$ZodRegistry<{ id?: string | undefined }>,
  io: Direction,
): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, {
    io,
    unrepresentable: "any",
    uri: (id) => `${refPrefix}${id}`,
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema: _dialect, $id: _id, id: _name, ...rest } = schema as JsonSchema;
      return [name, rest];
    }),
  );
}

/** The names whose input differs from their output, by themselves or through what they refer to. */
function differingNames(
  inputs: Record<string, JsonSchema>,
  outputs: Record<string, JsonSchema>,
): Set<string> {
  const differing = new Set(
    Object.keys(inputs).filter((name) => JSON.stringify(inputs[name]) !== JSON.stringify(outputs[name])),
  );
  for (let size = -1; size !== differing.size; ) {
    size = differing.size;
    for (const [name, schema] of Object.entries(inputs)) {
      if (referencesIn(schema).some((reference) => differing.has(reference))) {
        differing.add(name);
      }
    }
  }
  return differing;
}

export interface SchemaCatalog {
  /** The schema of something a client sends or gets: a reference when it has a name. */
  of(schema: z.ZodType, io: Direction): JsonSchema;
  /** The named schemas that the given values refer to, directly or not. */
  componentsFor(root: unknown): Record<string, JsonSchema>;
}

/** JSON Schemas of everything the endpoints use. What differs between sending and getting has two names: `X` and `XInput`. */
export function createSchemaCatalog(endpointList: readonly EndpointShape[]): SchemaCatalog {
  const registry = z.registry<{ id?: string | undefined }>();
  const anonymous: Anonymous = new Map();
  for (const [id, schema] of z.globalRegistry._idmap) {
    registry.add(schema, { id });
  }
  const used = endpointList.flatMap((e) => [e.params, e.query, e.body, e.response]);
  for (const schema of [...used, errorResponseSchema]) {
    if (schema !== undefined && schema !== null && !registry.has(schema)) {
      const id = `__${anonymous.size}`;
      anonymous.set(schema, id);
      registry.add(schema, { id });
    }
  }
  const outputs = generate(registry, "output");
  const rawInputs = generate(registry, "input");
  const differing = differingNames(rawInputs, outputs);
  const inputName = (name: string) => (differing.has(name) ? `${name}Input` : name);
  const inputs = Object.fromEntries(
    Object.entries(rawInputs).map(([name, schema]) => [
      inputName(name),
      renameReferences(schema, inputName) as JsonSchema,
    ]),
  );
  const all = { ...inputs, ...outputs };
  return {
    of(schema, io) {
      const hidden = anonymous.get(schema);
      const name = hidden ?? registry.get(schema)?.id ?? "";
      const full = io === "input" ? inputName(name) : name;
      return hidden === undefined ? { $ref: `${refPrefix}${full}` } : (all[full] ?? {});
    },
    componentsFor(root) {
      const found = new Map<string, JsonSchema>();
      const queue = referencesIn(root);
      for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
        const schema = all[name];
        if (schema !== undefined && !found.has(name)) {
          found.set(name, schema);
          queue.push(...referencesIn(schema));
        }
      }
      return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
}
