/** A step of the tutorial: a manifest to write, or a command with the output that the page shows for it. */
type TutorialStep =
  | { readonly kind: 'file'; readonly name: string; readonly content: string }
  /** An expression of a generator. */
  | { readonly kind: 'cel'; readonly line: number; readonly cel: string }
  | { readonly kind: 'command'; readonly line: number; readonly command: string; readonly output: string };

/**
 * Its fenced blocks in order: `yaml` ones with the file's name in the first line, `cel` ones, `console` ones with `$ `
 * before commands.
 */
export function tutorialSteps(page: string): readonly TutorialStep[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(
    ({ 1: language, 2: text = '', index }): TutorialStep[] => {
      if (language === 'yaml') {
        const name = /^# (\S+\.yaml)\n/.exec(text)?.[1];
        if (name === undefined) throw new Error(`a block of YAML without the name of its file: ${text}`);
        return [{ kind: 'file', name, content: text }];
      }
      const line = page.slice(0, index).split('\n').length;
      if (language === 'cel') return [{ kind: 'cel', line, cel: text }];
      if (language === 'sh') return []; // for a cluster
      if (language !== 'console') throw new Error(`a block of ${language}`);
      return [...text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', output = '']) => ({
        kind: 'command',
        line,
        command,
        output,
      }));
    },
  );
}
