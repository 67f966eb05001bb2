import type { ComponentHealth, Health } from "@agentvine/contracts";

/** What a probe says about its part; `latencyMs` is measured around it. */
export type ProbeResult = Omit<ComponentHealth, "latencyMs">;

/** Looks at one part of the installation. A probe that throws or takes too long means `down`. */
export type Probe = () => Promise<ProbeResult>;

/** The whole is as healthy as its parts; without the parts named `vital` it is down. */
export function overallHealth(components: Record<string, ComponentHealth>, vital: readonly string[]): Health {
  const states = Object.entries(components);
  const isDown = states.some(([name, { status }]) => vital.includes(name) && status === "down");
  const isDegraded = states.some(([, { status }]) => status === "down" || status === "degraded");
  return { status: isDown ? "down" : isDegraded ? "degraded" : "up", components };
}
