/** Prints a figure of this machine beside its aim. A loaded machine is slow, so it is told and not asserted. */
export function measured(what: string, ms: number, aimMs?: number): void {
  const aim = aimMs === undefined ? "" : `, aim ${aimMs} ms`;
  process.stderr.write(`measured: ${what}: ${Math.round(ms)} ms${aim}\n`);
}
