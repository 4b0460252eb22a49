// `npm run soak -- --minutes N --seed S`: the model of a node in long sequences, in a mount namespace of its own, with the
// program of the image and its own times.
import { parseArgs } from 'node:util';
import { assertNodeModel } from '../model/model-run.js';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' }, seed: { type: 'string' } } });
if (values.seed !== undefined) process.env['SOAK_SEED'] = values.seed;
await assertNodeModel({ weights: { replacements: 6, apiFaults: 25, waits: 0 }, seconds: Number(values.minutes) * 60 });
