import type { PolicyContext, PreAllowedClass } from "@agentvine/contracts";

/** Which classes of tool calls need no approval, by the rules that apply now. */
export type PreAllowPort = (context: PolicyContext) => Promise<PreAllowedClass[]>;
