import type { NoticeChannelKind } from "@agentvine/contracts";
import { placeOf, type SecretBox } from "../secrets/index.ts";

interface Addressed {
  id: string;
  userId: string;
  kind: NoticeChannelKind;
  address: string;
}

/** Addresses of webhooks are as good as passwords: they are kept sealed. Those of people are not secret. */
export interface ChannelAddresses {
  /** As it is stored. */
  seal(channel: Addressed): string;
  /** @throws AppError `secret.key_unknown`, `secret.damaged` */
  open(channel: Addressed): string;
}

export const createChannelAddresses = (box: Pick<SecretBox, "seal" | "open">): ChannelAddresses => ({
  seal: (channel) =>
    channel.kind === "email" ? channel.address : box.seal(channel.address, placeOf.noticeAddress(channel)),
  open: (channel) =>
    channel.kind === "email" ? channel.address : box.open(channel.address, placeOf.noticeAddress(channel)),
});
