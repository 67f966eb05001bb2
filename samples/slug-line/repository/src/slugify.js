const marks = /\p{Mark}/gu;
const words = /[a-z0-9]+/g;

/** The slug of a headline: lower-case words without accents, joined by the separator. */
export function slugify(headline, { separator = "-" } = {}) {
  const plain = headline.normalize("NFKD").replace(marks, "").toLowerCase();
  return (plain.match(words) ?? []).join(separator);
}
