import { execFileSync } from 'node:child_process';
import { proofs } from './compatibility.js';
import type { Proof } from './compatibility.js';
import { refusedPrograms } from './refused-programs.js';

const head = `# Compatibility

Programs that are proven to work with nothing but the files of a volume, against real servers behind TLS and passwords whose names only the proxy
can look up. Each row is a test of \`test/e2e/flow\`, with the built driver and the built proxy as processes; the versions are those of the machine that
this page was made on last (Debian 13; \`npm run compatibility\`). The ways are those of [the proxy](proxy.md#proxy-modes).
`;

/** The cells of the table but for the version, in order. */
export function rows(): readonly (readonly [program: string, files: string, way: string, does: string])[] {
  return Object.values(proofs).map(({ program, files, way, does }: Proof) => [program, files, way, does]);
}

/** docs/compatibility.md, with the versions of this machine's programs. */
export function compatibilityPage(): string {
  const proven = Object.values(proofs).map(({ program, version, files, way, does }: Proof) => [
    program,
    versionIn(version),
    files,
    way,
    does,
  ]);
  const table = tableOf(['program', 'version', 'files used', 'way', 'what works'], proven);
  const refusedColumns = ['program', 'shows of 407 and 403', 'shows of 502'];
  return `${head}\n${table}\n\n${refusals}\n${tableOf(refusedColumns, refusedRows())}\n`;
}

const refusals = `## What is refused

Each of these programs is also run where it must not get through, with the same volume files: without a token, with one that has expired (and again once the
volume has the next, when it works), as an account without the right, after the right is taken away, with the volume of another connector, with a wrong
password, to a tool whose certificate nobody vouches for, after the Secret is deleted, to a host that is none of the connector's, and to where the tool
redirects it. It fails each time; the tool never sees a request that the proxy refuses, and no other host the credential. What the program shows of the
reason is the proxy's own sentence, which says what to do; the part of it before its first colon, which the status line has too; or the status alone. For
the whole sentence send the same request by \`http://\`, or to the address of the proxy, with \`curl\`.
`;

const words = { sentence: 'the sentence', reason: 'the reason', status: 'the status', nothing: 'nothing' } as const;

/** The cells of the table of refusals, in order. */
export function refusedRows(): readonly (readonly [program: string, atConnect: string, inTunnel: string])[] {
  return refusedPrograms.map(({ program, atConnect, inTunnel }) => [program, words[atConnect], words[inTunnel]]);
}

function tableOf(columns: readonly string[], rowsOf: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rowsOf.map(line)].join('\n');
}

/** The first number with a dot that the command prints. */
function versionIn(command: string): string {
  const text = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? '';
}
