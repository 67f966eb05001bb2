type Hook = () => Promise<void>;

/** What is to be written last, by open transaction. */
const hooksOf = new WeakMap<object, Hook[]>();

/** Lets work of the transaction be put off until its end; `runHooks` does it. */
export function allowHooks(tx: object): void {
  hooksOf.set(tx, []);
}

/** Puts work off until just before the transaction commits. False when it can't be put off: do it now. */
export function beforeCommit(tx: object, hook: Hook): boolean {
  return (hooksOf.get(tx)?.push(hook) ?? 0) > 0;
}

/** Does what was put off, in its order. */
export async function runHooks(tx: object): Promise<void> {
  const hooks = hooksOf.get(tx) ?? [];
  for (let next = hooks.shift(); next !== undefined; next = hooks.shift()) {
    await next();
  }
}
