import type { Reply, Scenario } from "../script.ts";

interface Source {
  readonly label: string;
  readonly lines: readonly string[];
}
interface Option {
  readonly id: string;
  readonly label: string;
}

const sourcesOf = (prompt: string): Source[] =>
  [...prompt.matchAll(/<<<SOURCE (S\d+) [^\n]*\n([\s\S]*?)\n>>>SOURCE/g)].map(
    ([, label = "", text = ""]) => ({
      label,
      lines: text.split("\n"),
    }),
  );

const optionsOf = (prompt: string): Option[] => {
  const [, text = ""] = /<<<OPTIONS\n([\s\S]*?)\n>>>OPTIONS/.exec(prompt) ?? [];
  return [...text.matchAll(/^- (\S+): (.+)$/gm)].map(([, id = "", label = ""]) => ({ id, label }));
};

const answer = (input: Record<string, unknown>): Reply => ({ calls: [{ name: "answer", input }] });

/**
 * The controller's model: chooses the one option whose words stand in a line of a source, and cites that line. Everything else it
 * leaves to a person.
 */
export const controllerScenario: Scenario = {
  name: "controller",
  matches: (prompt) => prompt.includes("You answer questions of coding agents on behalf of their team."),
  respond: ({ phases }) => {
    const prompt = phases.at(-1)?.instruction ?? "";
    const found = optionsOf(prompt).flatMap(({ id, label }) =>
      sourcesOf(prompt).flatMap((source) => {
        const quote = source.lines.find((line) => line.toLowerCase().includes(label.toLowerCase()));
        return quote === undefined ? [] : [{ id, source: source.label, quote: quote.replace(/^- /, "") }];
      }),
    );
    const [first] = found;
    if (first === undefined || found.some(({ id }) => id !== first.id)) return answer({ confidence: 0 });
    const { id: choice, source, quote } = first;
    return answer({ choice, answer: quote, confidence: 0.95, citations: [{ source, quote }] });
  },
};
