export { modelName, textPrefix } from "./answer.ts";
export type { Conversation, Phase, ToolCall, ToolResult, Turn } from "./conversation.ts";
export type { Fault } from "./fault.ts";
export { controllerScenario, demoScenarios, sampleScenarios } from "./scenarios/index.ts";
export {
  callTool,
  finish,
  type Reply,
  type Scenario,
  ScenarioBroken,
  type Step,
  type StepView,
  script,
} from "./script.ts";
export {
  type RecordedRequest,
  type ScriptedModel,
  type ScriptedModelOptions,
  startScriptedModel,
} from "./server.ts";
