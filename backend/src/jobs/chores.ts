import type { ArtifactService } from "../modules/artifacts/index.ts";
import type { StatsService } from "../modules/stats/index.ts";
import type { Chore } from "./chore.ts";

// An upload writes its row within this time after its bytes.
const unusedBlobSeconds = 3_600;

/** The background work of the backend and how often it is done. */
export const createChores = ({
  stats,
  artifacts,
}: {
  stats: StatsService;
  artifacts: ArtifactService;
}): Chore[] => [
  {
    name: "sample-stats",
    everySeconds: 60,
    run: async () => {
      await stats.sample();
      return {};
    },
  },
  { name: "retention", everySeconds: 3_600, run: () => stats.retain() },
  {
    name: "sweep-blobs",
    everySeconds: 600,
    run: async () => ({ removed: await artifacts.sweep(unusedBlobSeconds) }),
  },
];
