// Squid's basic authentication, one line per question: "USER PASSWORD", both percent-encoded; answered OK or ERR. Allows
// what the file named by the argument lists as "USER PASSWORD", and reads it anew for each question.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , file] = process.argv;

for await (const line of createInterface({ input: process.stdin })) {
  const given = line.split(' ').slice(0, 2).map(decodeURIComponent).join(' ');
  console.log(readFileSync(file, 'utf8').split('\n').includes(given) ? 'OK' : 'ERR');
}
