import { MixedLoad } from '../support/soak/mixed-load.js';
import { figureLines } from '../support/soak/soak-figures.js';

/** The shortest time; the round that is under way then comes to its end. */
const durationMs = Number(process.env['SOAK_SECONDS'] ?? 60) * 1000;
const limitMs = 900_000;

describe('a node in use with faults', () => {
  it('has every volume whole at all times, and current soon after each fault', async () => {
    const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 2 ** 31);
    console.log(`      seed ${seed} (SOAK_SEED)`);
    const load = new MixedLoad({
      seed,
      durationMs,
      pods: 30,
      stepMs: 400,
      faultMs: 8000,
      onLine: (line) => console.log(`      ${line}`),
    });
    for (const line of figureLines(await load.run())) console.log(`      ${line}`);
  }).timeout(limitMs);
});
