// A process of its own that attacks a proxy: `node attacker.ts NAME`. It gets its plan as a line of JSON, says `ready` once
// it attacks, goes on until its standard input ends, and says what it has counted.
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { attacks } from './attacks.ts';
import type { AttackPlan } from './attacks.ts';

// In a cluster, attackers use the processors of other nodes.
setPriority(10);
const [, , name = ''] = process.argv;
const attack = attacks[name];
if (attack === undefined) throw new Error(`no such attack: ${name}`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const plan = JSON.parse(String((await lines.next()).value)) as AttackPlan;
const ending = new AbortController();
const counts = await attack(plan, ending.signal);
process.stdout.write('ready\n');
await lines.next();
ending.abort();
process.stdout.write(`${JSON.stringify(counts)}\n`, () => process.exit());
