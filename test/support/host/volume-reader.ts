// A program: reads a volume over and over, whole revisions through `..data`, until told to stop.
import fs from 'node:fs';
import path from 'node:path';
import { revisionOf } from './revision-files.ts';

const target = process.argv[2] ?? '';
const report = { passes: 0, revisions: 0, gone: 0, problems: [] as string[] };
let last: number | undefined;

function resolveData(): string | undefined {
  try {
    return fs.readlinkSync(path.join(target, '..data'));
  } catch {
    return undefined;
  }
}

function readOnce(): void {
  const resolved = resolveData();
  if (resolved === undefined) return;
  const directory = path.join(target, resolved);
  try {
    const texts = fs.readdirSync(directory).map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]);
    const revision = revisionOf(Object.fromEntries(texts) as Record<string, string>);
    report.passes += 1;
    if (revision !== last) report.revisions += 1;
    last = revision;
  } catch (error) {
    // Two writes went by since the link was read; what counts then is that it has moved on.
    if (resolveData() !== resolved) report.gone += 1;
    else report.problems.push(String(error));
  }
}

function loop(): void {
  for (let turn = 0; turn < 10; turn += 1) readOnce();
  // Leaves the processor to the writer for a moment; the pauses fall anywhere in its steps.
  setTimeout(loop, 1);
}

process.on('disconnect', () => process.exit(0));
process.on('message', () => {
  process.send?.(report, () => process.exit(0));
});
process.send?.('reading');
loop();
