/** A step of the tutorial: a manifest to write, or a command with the output that the page shows for it. */
export type TutorialStep =
  | { readonly kind: 'file'; readonly name: string; readonly content: string }
  | { readonly kind: 'command'; readonly line: number; readonly command: string; readonly output: string };

/** Its fenced blocks in order: `yaml` ones with the file's name in the first line, `console` ones with `$ ` before commands. */
export function tutorialSteps(page: string): readonly TutorialStep[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(
    ({ 1: language, 2: text = '', index }): TutorialStep[] => {
      if (language === 'yaml') {
        const name = /^# (\S+\.yaml)\n/.exec(text)?.[1];
        if (name === undefined) throw new Error(`a block of YAML without the name of its file: ${text}`);
        return [{ kind: 'file', name, content: text }];
      }
      if (language !== 'console') throw new Error(`a block of ${language}`);
      const line = page.slice(0, index).split('\n').length;
      return [...text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', output = '']) => ({
        kind: 'command',
        line,
        command,
        output,
      }));
    },
  );
}
