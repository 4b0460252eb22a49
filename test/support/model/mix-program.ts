// A program: reads the volumes that it is told of, over and over, as pods do, and tells of every mix that it sees.
import { readRevision } from './revision-reader.ts';
import type { MixCommand, MixReport } from './mix-messages.ts';
import { shownBy, told, volumeKinds } from './volume-kinds.ts';
import type { Shown } from './volume-kinds.ts';

const targets = new Map<string, { readonly kind: number; last: Shown | undefined; seenAtMs: number }>();
const problems: string[] = [];
let passes = 0;
/** A volume that is not there for so long is not looked for any more. */
const patienceMs = 120_000;
const volumesPerTurn = 4;
const pauseMs = 2;

function readOnce(target: string): void {
  const volume = targets.get(target);
  if (volume === undefined) return;
  // Moves it to the end of the row.
  targets.delete(target);
  if (performance.now() - volume.seenAtMs < patienceMs) targets.set(target, volume);
  try {
    const files = readRevision(target);
    if (files === undefined) return;
    volume.seenAtMs = performance.now();
    const shown = shownBy(volumeKinds[volume.kind]!, files);
    for (const [name, version] of Object.entries(volume.last?.versions ?? {})) {
      const now = shown.versions[name as keyof typeof shown.versions] ?? NaN;
      if (now < version) throw new Error(`went back to ${told(shown)} from ${name} ${version}`);
    }
    volume.last = shown;
    passes += 1;
  } catch (error) {
    problems.push(`${target}: ${String(error)}`);
  }
}

function loop(): void {
  for (const target of [...targets.keys()].slice(0, volumesPerTurn)) readOnce(target);
  // Leaves the processor to the writer; the pauses fall anywhere in its steps.
  setTimeout(loop, pauseMs);
}

process.on('disconnect', () => process.exit(0));
process.on('message', (command: MixCommand) => {
  if (command === 'report') process.send?.({ passes, problems: problems.splice(0) } satisfies MixReport);
  else if ('gone' in command) targets.delete(command.gone);
  else targets.set(command.target, { kind: command.kind, last: undefined, seenAtMs: performance.now() });
});
loop();
