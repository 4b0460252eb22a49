import { classCases, digestOf } from './class-cases.js';

// The input of test/fixtures/classes/record.go.
process.stdout.write(`${JSON.stringify(classCases().map((one) => ({ ...one, digest: digestOf(one) })))}\n`);
