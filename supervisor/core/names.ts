/** Names of sessions that were given none: adjective-noun, easy to say and to type. */

const ADJECTIVES = [
  "able", "amber", "ample", "azure", "bold", "brave", "brief", "bright", "brisk", "calm", "civil", "clear", "clever", "cosmic",
  "crisp", "curious", "daring", "deft", "eager", "early", "fair", "fond", "frank", "fresh", "gentle", "glad", "golden", "grand",
  "happy", "hardy", "honest", "humble", "ideal", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lucky", "mellow", "merry",
  "mighty", "modest", "neat", "nimble", "noble", "patient", "plain", "polite", "prime", "proud", "quick", "quiet", "rapid", "ready",
  "royal", "sharp", "silent", "silver", "smooth", "solid", "steady", "sunny", "swift", "tidy", "vivid", "warm", "wise", "witty",
] as const;

const NOUNS = [
  "ant", "badger", "beaver", "bee", "bison", "cedar", "comet", "condor", "coral", "crane", "cricket", "dingo", "dolphin", "eagle",
  "falcon", "ferret", "finch", "fox", "gecko", "geyser", "glacier", "hare", "harbor", "hawk", "heron", "ibis", "jaguar", "koala",
  "lark", "lemur", "lion", "lynx", "magpie", "maple", "marten", "meadow", "meteor", "mole", "moose", "nebula", "newt", "oak",
  "ocelot", "orca", "otter", "owl", "panda", "pebble", "pine", "puffin", "puma", "quail", "raven", "river", "robin", "salmon",
  "seal", "sparrow", "spruce", "stork", "summit", "swan", "tapir", "thrush", "tiger", "toad", "trout", "viper", "walrus", "wolf",
] as const;

/** Tries before a number is added: with 4,900 pairs, ten misses mean that most are taken. */
const TRIES = 10;

/**
 * A name that `taken` does not hold.
 * @param index a whole number from 0 to its argument - 1, random
 */
export function chooseName(taken: ReadonlySet<string>, index: (below: number) => number): string {
  let name = "";
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    name = `${ADJECTIVES[index(ADJECTIVES.length)]}-${NOUNS[index(NOUNS.length)]}`;
    if (!taken.has(name)) return name;
  }
  for (let suffix = 2; ; suffix += 1) {
    if (!taken.has(`${name}-${suffix}`)) return `${name}-${suffix}`;
  }
}
