/** More than anybody reads in a message. */
const maxListed = 20;
const maxQuotedLength = 100;
/** The kubelet's target paths have some 170 characters. */
const maxPathLength = 400;

/** Quotes what somebody wrote for a message: escaped, one line, at most 100 characters. */
export function quote(text: string): string {
  return JSON.stringify(shortened(text, maxQuotedLength));
}

/** A path for a message or the log; of a long one, both ends, of which one says whose it is and the other what it is for. */
export function shownPath(path: string): string {
  const half = maxPathLength / 2;
  return path.length > maxPathLength ? `${path.slice(0, half)}…${path.slice(-half)}` : path;
}

/** Names for a message, joined by commas: the first twenty and how many more there are. Each at most 100 characters. */
export function listed(names: Iterable<string>): string {
  return joined([...names], (name) => shortened(name, maxQuotedLength));
}

/** As `listed`, each name in quotes. */
export function listedInQuotes(names: Iterable<string>): string {
  return joined([...names], quote);
}

function joined(names: readonly string[], show: (name: string) => string): string {
  const first = names.slice(0, maxListed).map(show).join(', ');
  return names.length > maxListed ? `${first} and ${names.length - maxListed} more` : first;
}

function shortened(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

/** What to say of a value in which a variable still stands that Tekton should have replaced; undefined without one. */
export function unsubstitutedIn(value: string): string | undefined {
  const [variable] = /\$\([^)]{0,100}\)?/.exec(value) ?? [];
  if (variable === undefined) return undefined;
  return `still holds ${quote(variable)}: Tekton substitutes variables in the volumes of a Task, but not in the csi of a workspace`;
}
