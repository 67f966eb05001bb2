/** No rule can be held to what was asked; the message says why, to follow "because". */
export class NotDraftable extends Error {
  override readonly name = "NotDraftable";
}
