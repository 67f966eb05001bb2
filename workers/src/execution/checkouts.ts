import type { Checkout } from "../specialized/recipe.ts";
import { createSandboxDirectories, removeTree, type SandboxDirectories } from "../workspace/layout.ts";
import type { Mirror } from "../workspace/mirror.ts";
import { type CheckoutOptions, checkoutFromMirror } from "../workspace/workspace.ts";
import type { ExecutionContext } from "./execution-context.ts";

/** Fresh checkouts for one gate round: each in directories and a sandbox of its own, made from the mirror alone. */
export class Checkouts {
  readonly #context: ExecutionContext;
  readonly #mirror: Mirror;
  readonly #round: number;
  readonly #made: { readonly directories: SandboxDirectories; readonly checkout: Checkout }[] = [];

  constructor(context: ExecutionContext, mirror: Mirror, round: number) {
    this.#context = context;
    this.#mirror = mirror;
    this.#round = round;
  }

  /** @param name tells the checkout apart from the others of this round. */
  async make(name: string, options: Pick<CheckoutOptions, "commit" | "overlay">): Promise<Checkout> {
    const { layout, sandboxes, claim, open, stop } = this.#context;
    const directories = layout.verify(`${this.#round}-${this.#made.length}-${name}`);
    await createSandboxDirectories(directories);
    await checkoutFromMirror(this.#mirror, {
      ...options,
      directory: directories.workspace,
      signal: stop.work,
    });
    const sandbox = await sandboxes.open({
      workspaceDir: directories.workspace,
      homeDir: directories.home,
      tempDir: directories.temp,
      executionId: claim.executionId,
    });
    open.add(sandbox);
    const checkout = { commit: options.commit, sandbox };
    this.#made.push({ directories, checkout });
    return checkout;
  }

  /** Closes and removes them all: three checkouts with their dependencies per round would fill a disk. */
  async dispose(): Promise<void> {
    for (const { directories, checkout } of this.#made.splice(0)) {
      await checkout.sandbox.close();
      this.#context.open.delete(checkout.sandbox);
      for (const path of [directories.workspace, directories.home, directories.temp]) await removeTree(path);
    }
  }
}
