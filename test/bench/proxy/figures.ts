import { median, rounded } from '../publish/statistics.ts';
import type { MeasuredWay, WayName } from './ways.ts';
import { wayNames } from './ways.ts';

/** One row of the table: what, each round's figure for each way, and medians of them. */
interface Figure {
  readonly what: string;
  readonly rounds: Readonly<Partial<Record<WayName, readonly number[]>>>;
  readonly medians: Readonly<Partial<Record<WayName, number>>>;
  /** The proxy's to those of the others in the same round, medians of all rounds. */
  readonly ratios: Readonly<Partial<Record<(typeof compared)[number], number>>>;
}

const compared = ['bare relay', 'Squid', 'before'] as const;

/** The rows of the comparison: what users notice. */
const rowsOfComparison = [
  'fresh connection, ms',
  'kept connection, p50, ms',
  'requests a second, 20 clients',
  'requests a second, 200 clients',
  '200 clients, p99, ms',
  ...['kept connection', '20 clients', '200 clients'].map((name) => `CPU time of a request, ${name}, ms`),
  ...['down', 'up', 'up with Expect'].map((direction) => `1 GiB ${direction}, s`),
  'burst of 200 after a pause, p50, ms',
  'CPU time of a request, burst, ms',
  'memory at rest, MiB',
  'own memory at rest, MiB',
];

/** Gathers what is measured, round by round. */
export class Figures {
  readonly #values = new Map<string, Map<WayName, number[]>>();

  readonly note = (what: string, { name }: MeasuredWay, value: number): void => {
    const ofWhat = this.#values.get(what) ?? new Map<WayName, number[]>();
    this.#values.set(what, ofWhat);
    ofWhat.set(name, [...(ofWhat.get(name) ?? []), value]);
  };

  get all(): readonly Figure[] {
    return [...this.#values].map(([what, ways]) => {
      const ratios = compared.flatMap((name) => {
        const ratio = ratioOf(ways, 'proxy', name);
        return ratio === undefined ? [] : [[name, ratio] as const];
      });
      return {
        what,
        rounds: Object.fromEntries([...ways].map(([name, values]) => [name, values.map(rounded)])),
        medians: Object.fromEntries([...ways].map(([name, values]) => [name, rounded(median(values))])),
        ratios: Object.fromEntries(ratios),
      };
    });
  }

  /** As a table in Markdown. */
  get table(): string {
    const rows = this.all.map(({ what, medians, ratios }) => [
      what,
      ...wayNames.map((name) => textOf(medians[name])),
      ...compared.map((name) => ratios[name]?.toFixed(2) ?? ''),
    ]);
    const head = [
      ['', ...wayNames, ...compared.map((name) => `proxy to ${name}`)],
      ['---', ...[...wayNames, ...compared].map(() => '---:')],
    ];
    return [...head, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
  }

  /** The build of before and this one, in parts of Squid's figures in the same round, as a table in Markdown. */
  get comparison(): string {
    const rows = rowsOfComparison.flatMap((what) => {
      const ways = this.#values.get(what);
      if (ways === undefined) return [];
      const ratios = [
        ratioOf(ways, 'before', 'Squid'),
        ratioOf(ways, 'proxy', 'Squid'),
        ratioOf(ways, 'proxy', 'before'),
      ];
      return [`| ${[what, ...ratios.map((ratio) => ratio?.toFixed(2) ?? '')].join(' | ')} |`];
    });
    return ['| | before to Squid | proxy to Squid | proxy to before |', '| --- | ---: | ---: | ---: |', ...rows].join(
      '\n',
    );
  }
}

/** The median of the ratios of all rounds; undefined if one was not measured. */
function ratioOf(ways: ReadonlyMap<WayName, readonly number[]>, of: WayName, to: WayName): number | undefined {
  const others = ways.get(to);
  const values = ways.get(of);
  if (others === undefined || values === undefined) return undefined;
  // A run that has failed has no figure of its last round.
  const both = values.slice(0, others.length);
  return rounded(median(both.map((value, round) => value / (others[round] ?? Number.NaN))));
}

function textOf(value: number | undefined): string {
  return value === undefined ? '' : Number(value.toPrecision(3)).toString();
}
