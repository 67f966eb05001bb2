// `npm run build`: compiles every program of the checkout, whether or not the sources have changed.
import { ensureBuilt } from "./checkout-build.js";

const problem = await ensureBuilt({ isForced: true });
if (problem !== undefined) {
  console.error(problem);
  process.exitCode = 1;
}
