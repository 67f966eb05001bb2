// `node --import` this into a backend to take its fencing out: an attempt may then end an order that it does not hold. Only for showing
// that the checker of the chaos run notices. The product has no such switch; the code is rewritten while it is loaded.
import { register } from "node:module";

register("./without-fence-hooks.js", import.meta.url);
