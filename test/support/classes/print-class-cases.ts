import { classCases, digestOf } from './class-cases.ts';

// The input of test/fixtures/classes/record.go.
process.stdout.write(`${JSON.stringify(classCases().map((one) => ({ ...one, digest: digestOf(one) })))}\n`);
