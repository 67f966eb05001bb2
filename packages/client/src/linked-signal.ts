/** A signal that follows others until it is unlinked. */
export interface LinkedSignal extends Disposable {
  readonly signal: AbortSignal;
  /** Aborts the linked signal alone. */
  abort(reason?: unknown): void;
  /** Follows nothing any more. Call it when the work is over: a long-lived source would otherwise keep every signal ever linked. */
  unlink(): void;
}

/**
 * A signal aborted as soon as one of the sources is, with that source's reason. Instead of `AbortSignal.any`, whose signals are held
 * by weak references: on several versions of Node, 20 among them, one that nothing else holds is collected and its abort is lost,
 * and those of long-lived sources pile up.
 */
export const linkSignals = (...sources: readonly (AbortSignal | undefined)[]): LinkedSignal => {
  const controller = new AbortController();
  const unlinks: (() => void)[] = [];
  const unlink = (): void => {
    for (const each of unlinks.splice(0)) each();
  };
  const abort = (reason?: unknown): void => {
    unlink();
    controller.abort(reason);
  };
  for (const source of sources) {
    if (source === undefined) continue;
    const follow = (): void => abort(source.reason);
    if (source.aborted) {
      follow();
      break;
    }
    source.addEventListener("abort", follow, { once: true });
    unlinks.push(() => source.removeEventListener("abort", follow));
  }
  return { signal: controller.signal, abort, unlink, [Symbol.dispose]: unlink };
};
