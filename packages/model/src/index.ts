export { BrokenStreamError, type ModelFault, ModelFaultError, modelFaultOf } from "./model-fault.ts";
export { addUsage, costUsd, noUsage, totalTokens } from "./price.ts";
export { readModelStream, type StreamWatch } from "./read-stream.ts";
export { contextTokensOf, type ModelAccess, outputTokensMaxOf, resolveModel } from "./resolve-model.ts";
export { tokensOf } from "./tokens.ts";
