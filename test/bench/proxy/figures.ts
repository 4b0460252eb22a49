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
      const proxy = ways.get('proxy') ?? [];
      const ratios = compared.flatMap((name) => {
        const others = ways.get(name);
        if (others === undefined) return [];
        return [[name, rounded(median(proxy.map((value, round) => value / (others[round] ?? Number.NaN))))]] as const;
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
}

function textOf(value: number | undefined): string {
  return value === undefined ? '' : Number(value.toPrecision(3)).toString();
}
