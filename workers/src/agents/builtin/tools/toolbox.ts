import { askControllerTool } from "./ask-controller.tool.ts";
import { createSubtaskTool } from "./create-subtask.tool.ts";
import { editFileTool } from "./edit-file.tool.ts";
import { getContextTool } from "./get-context.tool.ts";
import { listFilesTool } from "./list-files.tool.ts";
import { readFileTool } from "./read-file.tool.ts";
import { reportPlanTool } from "./report-plan.tool.ts";
import { reportProgressTool } from "./report-progress.tool.ts";
import { runCommandTool } from "./run-command.tool.ts";
import { searchTool } from "./search.tool.ts";
import type { Tool } from "./tool.ts";
import { writeFileTool } from "./write-file.tool.ts";

/** Every tool the agent has. */
export const toolbox: readonly Tool[] = [
  readFileTool,
  listFilesTool,
  searchTool,
  editFileTool,
  writeFileTool,
  runCommandTool,
  reportPlanTool,
  reportProgressTool,
  getContextTool,
  createSubtaskTool,
  askControllerTool,
];

const planning: readonly Tool[] = [
  readFileTool,
  listFilesTool,
  searchTool,
  reportPlanTool,
  reportProgressTool,
  getContextTool,
  askControllerTool,
];

/** The tools of a turn: one that makes a plan only looks. */
export const toolsOf = ({ isPlanning = false }: { readonly isPlanning?: boolean }): readonly Tool[] =>
  isPlanning ? planning : toolbox;
