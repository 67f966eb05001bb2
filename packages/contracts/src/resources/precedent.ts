import { z } from "zod";
import { flagSchema, pageOf, pageQuerySchema } from "../pagination.ts";
import { idSchema, timestampSchema } from "../scalars.ts";
import { requestOptionSchema, workerRequestKindSchema } from "./worker-request.ts";

/** An answer of a person that settles the same question of the same repository from then on. Approvals never become precedents. */
export const precedentSchema = z
  .object({
    id: idSchema,
    repositoryId: idSchema,
    kind: workerRequestKindSchema,
    question: z.string(),
    options: z.array(requestOptionSchema),
    choice: z.string().nullable(),
    text: z.string(),
    /** Where it comes from: the request that was answered, by whom. */
    workerRequestId: idSchema,
    answeredBy: z.string(),
    /** How often it has settled a request since. */
    uses: z.number().int().min(0),
    createdAt: timestampSchema,
    revokedAt: timestampSchema.nullable(),
    revokedBy: z.string(),
  })
  .meta({ id: "Precedent" });

export const precedentQuerySchema = pageQuerySchema.extend({
  repositoryId: idSchema.optional(),
  isRevoked: flagSchema.optional(),
  search: z.string().max(200).optional(),
});
export const precedentListSchema = pageOf("PrecedentList", precedentSchema);

export type Precedent = z.infer<typeof precedentSchema>;
export type PrecedentQuery = z.infer<typeof precedentQuerySchema>;
