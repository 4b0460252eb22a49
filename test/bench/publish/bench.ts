/**
 * `npm run bench -- [--runs N] [--rounds N] [--node PROGRAM] [--json FILE] [--charts DIR]`: what calls cost, with the built driver as it
 * is deployed, beside no-op calls and bare system calls in the same run. Figures, no verdict: ratios within a run are
 * what counts, medians over the runs what is printed. The driver runs on this Node, or on that of `--node`. Runs itself again in a mount namespace of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { CallFigures, Connections } from './calls.ts';
import { connections, measureCalls } from './calls.ts';
import { chartsOf } from './charts.ts';
import type { CycleFigures } from './cycles.ts';
import { measureCycles, widths } from './cycles.ts';
import type { Source } from './deployed-driver.ts';
import { deployedDriver, sources } from './deployed-driver.ts';
import { measureGrowth } from './growth.ts';
import type { Run } from './summary.ts';
import { summaryOf } from './summary.ts';
import { tablesOf } from './table.ts';

const insideVariable = 'CONNECTORS_CSI_BENCH_INSIDE';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '400' },
    node: { type: 'string', default: process.execPath },
    json: { type: 'string' },
    charts: { type: 'string' },
  },
});
const [runCount, rounds] = [Number(values.runs), Number(values.rounds)];

if (process.env[insideVariable] === undefined) {
  const asUser = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', [...asUser, '--mount', '--propagation', 'private', '--', ...self], {
    stdio: 'inherit',
    env: { ...process.env, [insideVariable]: '1' },
  });
  process.exitCode = status ?? 1;
} else {
  await main();
}

async function main(): Promise<void> {
  const loadBefore = loadavg()[0];
  const runs: Run[] = [];
  for (let run = 1; run <= runCount; run += 1) {
    for (const source of sources) {
      console.error(
        `run ${run} of ${runCount}, connectors from ${source === 'kubernetes' ? 'the API server' : 'a directory'}`,
      );
      runs.push(await measured(source));
    }
  }
  const summaries = Object.fromEntries(
    sources.map((source) => [source, summaryOf(runs.filter((run) => run.source === source))]),
  ) as Record<Source, ReturnType<typeof summaryOf>>;
  for (const source of sources) console.log(`\n## ${source}\n\n${tablesOf(summaries[source])}`);
  const machine = {
    node: execFileSync(values.node, ['--version'], { encoding: 'utf8' }).trim(),
    clientNode: process.version,
    kernel: release(),
    cores: cpus().length,
    loadBefore,
    loadAfter: loadavg()[0],
  };
  const report = { machine, rounds, runCount, summaries, runs };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 1)}\n`);
  if (values.charts === undefined) return;
  mkdirSync(values.charts, { recursive: true });
  for (const [name, svg] of Object.entries(chartsOf(summaries))) {
    writeFileSync(path.join(values.charts, `${name}.svg`), svg);
  }
}

async function measured(source: Source): Promise<Run> {
  const deployed = await deployedDriver(source, values.node);
  try {
    const calls: Partial<Record<Connections, CallFigures>> = {};
    const cycles: Record<Connections, CycleFigures[]> = { shared: [], fresh: [] };
    for (const how of connections) {
      calls[how] = await measureCalls(deployed, how, { warmUp: Math.ceil(rounds / 2), measured: rounds });
      for (const width of widths) cycles[how].push(await measureCycles(deployed, how, width, rounds));
    }
    const growth = await measureGrowth(deployed, Math.ceil(rounds / 2));
    return { source, calls: calls as Record<Connections, CallFigures>, cycles, growth };
  } finally {
    await deployed.stop();
  }
}
