export { evidenceSummary } from "./evidence-summary.ts";
export { gateFeedback } from "./gate-feedback.ts";
export { setUpCheckout } from "./set-up-checkout.ts";
