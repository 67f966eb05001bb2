import { z } from "zod";

export const taskTypes = ["feature", "bugfix", "test", "docs", "refactor", "review"] as const;
export const taskTypeSchema = z.enum(taskTypes).meta({ id: "TaskType" });
export type TaskType = z.infer<typeof taskTypeSchema>;

export const priorities = ["low", "normal", "high", "critical"] as const;
export const prioritySchema = z.enum(priorities).meta({ id: "Priority" });
export type Priority = z.infer<typeof prioritySchema>;

export const lanes = ["high_priority", "default", "low_priority"] as const;
export const laneSchema = z.enum(lanes).meta({ id: "Lane" });
export type Lane = z.infer<typeof laneSchema>;

/** The lane a priority queues in. */
export const laneOf = (priority: Priority): Lane =>
  priority === "critical" || priority === "high"
    ? "high_priority"
    : priority === "normal"
      ? "default"
      : "low_priority";

export const permissionLevels = ["autonomous", "supervised", "human_required"] as const;
export const permissionLevelSchema = z.enum(permissionLevels).meta({ id: "PermissionLevel" });
export type PermissionLevel = z.infer<typeof permissionLevelSchema>;

export const roles = ["admin", "developer", "viewer"] as const;
export const roleSchema = z.enum(roles).meta({ id: "Role" });
export type Role = z.infer<typeof roleSchema>;

export const agentDrivers = ["builtin", "acp", "command"] as const;
export const agentDriverSchema = z.enum(agentDrivers).meta({ id: "AgentDriver" });
export type AgentDriverName = z.infer<typeof agentDriverSchema>;

export const sandboxDrivers = ["none", "bubblewrap", "container", "seatbelt"] as const;
export const sandboxDriverSchema = z.enum(sandboxDrivers).meta({ id: "SandboxDriver" });
export type SandboxDriver = z.infer<typeof sandboxDriverSchema>;

export const workOrderKinds = ["run", "publish", "verify"] as const;
export const workOrderKindSchema = z.enum(workOrderKinds).meta({ id: "WorkOrderKind" });
export type WorkOrderKind = z.infer<typeof workOrderKindSchema>;

/** What a tool call does; the lease names the classes that need no approval. */
export const toolClasses = ["read", "edit", "test", "command", "network", "outside_workspace"] as const;
export const toolClassSchema = z.enum(toolClasses).meta({ id: "ToolClass" });
export type ToolClass = z.infer<typeof toolClassSchema>;

export const logLevels = ["debug", "info", "warn", "error"] as const;
export const logLevelSchema = z.enum(logLevels).meta({ id: "LogLevel" });
export type LogLevel = z.infer<typeof logLevelSchema>;

/** The phases of an execution, in their order. */
export const executionPhases = [
  "prepare",
  "checkout",
  "setup",
  "plan",
  "run",
  "verify",
  "upload",
  "publish",
  "cleanup",
] as const;
export const executionPhaseSchema = z.enum(executionPhases).meta({ id: "ExecutionPhase" });
export type ExecutionPhase = z.infer<typeof executionPhaseSchema>;

/** What a token may be allowed to do. Each route names exactly one. */
export const permissions = [
  "public",
  "system:read",
  "system:admin",
  "tasks:read",
  "tasks:write",
  "tasks:review",
  "repositories:read",
  "repositories:write",
  "credentials:manage",
  "workers:read",
  "workers:admin",
  "worker:register",
  "worker:work",
  "queue:read",
  "queue:write",
  "executions:read",
  "attempt:write",
  "events:read",
  "policies:read",
  "policies:write",
  "requests:read",
  "requests:answer",
  "controller:register",
  "controller:work",
  "notices:write",
  "chat:read",
  "chat:write",
  "context:read",
  "context:write",
  "audit:read",
  "account:own",
  "keys:write",
  "users:admin",
  "tasks:admin",
] as const;
export const permissionSchema = z.enum(permissions);
export type Permission = z.infer<typeof permissionSchema>;

/** What machines do under keys and tokens of their own; of people, administrators alone may. */
const machinePermissions: readonly Permission[] = [
  "worker:register",
  "worker:work",
  "controller:register",
  "controller:work",
];

/** See everything of the team's work, and look after one's own account, keys and notices. */
const viewerPermissions: readonly Permission[] = [
  "system:read",
  "tasks:read",
  "repositories:read",
  "workers:read",
  "queue:read",
  "executions:read",
  "events:read",
  "policies:read",
  "requests:read",
  "chat:read",
  "context:read",
  "notices:write",
  "account:own",
  "keys:write",
];

/** What people may do by their role. Writing for an attempt takes that attempt's own token, whoever asks. */
export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: viewerPermissions,
  developer: [
    ...viewerPermissions,
    "tasks:write",
    "tasks:review",
    "repositories:write",
    "queue:write",
    "requests:answer",
    "chat:write",
    "context:write",
  ],
  admin: permissions.filter((permission) => permission !== "public" && permission !== "attempt:write"),
};

/** Whether a key with these permissions is one of a worker or a controller, which outlives the account of who made it. */
export const isMachineKey = (held: readonly Permission[]): boolean =>
  held.some((permission) => machinePermissions.includes(permission)) &&
  held.every((permission) => machinePermissions.includes(permission) || permission === "context:read");

/** What the key of a worker may do. */
export const workerPermissions = ["worker:register", "worker:work"] as const satisfies readonly Permission[];

/** What the key of a controller may do: read what may help, answer what it leased, and nothing that a person or an agent does. */
export const controllerPermissions = [
  "controller:register",
  "controller:work",
  "context:read",
] as const satisfies readonly Permission[];
