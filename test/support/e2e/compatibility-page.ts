import { execFileSync } from 'node:child_process';
import { proofs } from './compatibility.js';
import type { ActivatedProof, Proof } from './compatibility.js';
import { refusedPrograms } from './refused-programs.js';

const head = `# Compatibility

These programs use a tool with only the files of a volume. The tools require TLS and passwords, and only the proxy can resolve their names. Each row is a
test of \`test/e2e/flow\` with the built driver and proxy as processes. The versions are those of the machine that generated this page (Debian 13,
\`npm run generate:compatibility\`). The modes are [those of the proxy](proxy.md#proxy-modes).
`;

/** The cells of the first table but for the version, in order. */
export function rows(): readonly (readonly string[])[] {
  return proofsOf(false).map(({ program, files, mode, does }) => [program, files, mode, does]);
}

/** The cells of the table of `activate` but for the version, in order. */
export function activateRows(): readonly (readonly string[])[] {
  return proofsOf(true).map((proof) => [proof.program, proof.files, proof.mode, proof.does, httpsOf(proof)]);
}

function proofsOf(isActivated: boolean): readonly (Proof | ActivatedProof)[] {
  return Object.values<Proof | ActivatedProof>(proofs).filter((proof) => 'https' in proof === isActivated);
}

function httpsOf(proof: Proof | ActivatedProof): string {
  return 'https' in proof ? proof.https : '';
}

/** docs/compatibility.md, with the versions of this machine's programs. */
export function compatibilityPage(): string {
  const withVersion = (isActivated: boolean): readonly (readonly string[])[] =>
    proofsOf(isActivated).map((proof) => [
      ...[proof.program, versionIn(proof.version), proof.files, proof.mode, proof.does],
      ...(isActivated ? [httpsOf(proof)] : []),
    ]);
  const columns = ['program', 'version', 'files used', 'mode', 'result'];
  const table = tableOf(columns, withVersion(false));
  const activateTable = tableOf([...columns, '`https://` proxy'], withVersion(true));
  const refusedColumns = ['program', 'shows for 407 and 403', 'shows for 502'];
  const refused = `${refusals}\n${tableOf(refusedColumns, refusedRows())}`;
  return `${head}\n${table}\n\n${oneLine}\n${activateTable}\n\n${limitsOfActivate}\n${refused}\n`;
}

const oneLine = `## One line

These programs have no other setting than [\`activate\`](volumes.md#activate): \`. DIRECTORY/activate\` before them, and
\`sh DIRECTORY/activate PROGRAM\`. Both run with the proxy's \`http://\` address, which is the default. The last column says
whether a program also works if that address is [\`https://\`](proxy.md#tls-between-pod-and-proxy).
`;

const refusals = `## Rejected requests

Each program also runs with these failures:

- no token, an expired token, a service account without permission, a permission that is revoked;
- the volume of another connector, a host that is not the connector's, a redirect to another host;
- a wrong password, a deleted Secret, a certificate of an unknown CA.

It fails each time. The tool gets no request that the proxy rejects, and no other host gets the credential. After an expired token, the program works again
once the volume has the next one.

The proxy's response is a sentence with the fix. Programs show the sentence, the reason (the part before its first colon, which is also in the status line),
or only the status. To see the whole sentence, send the request with \`curl\` by \`http://\`, or to the proxy's address.
`;

const limitsOfActivate = `### Limits of activate

Some programs need more than the line:

| program | needs | reason |
| --- | --- | --- |
| wget with GnuTLS, as in Debian | \`--ca-certificate="$SSL_CERT_FILE"\` | it reads no variable for certificates |
| BusyBox wget | URLs with \`http://\`, also of an HTTPS tool | it cannot tunnel, and verifies no certificate |
| \`fetch\` of Node before 22.21, and of 23 | a newer Node | it does not know \`NODE_USE_ENV_PROXY\` |
| Gradle | an [init script](volumes.md#activate) | Java has no option for user and password |
| Ant and other Java programs | user and password in their settings, such as \`<setproxy>\` | Java has no option for them |
| Java, for hosts that are not of a Connector | a trust store of their own | \`truststore.p12\` has the proxy's certificates only |
| Yarn 2 and later | \`npmRegistryServer\` in the project's \`.yarnrc.yml\` | it does not read \`.npmrc\` |
| Yarn 2 | a newer Yarn | it rejects \`YARN_HTTPS_CA_FILE_PATH\` |
| Deno, for npm packages | \`NPM_CONFIG_REGISTRY\` | it does not read \`npm_config_userconfig\` |
| glab at the proxy's own address | a copy of \`config.yml\` with mode 0600 | it takes no other |

These programs were not run, because neither Debian nor npm has them:

| program | is expected to work, because |
| --- | --- |
| Helm | it is a Go program, as kubectl is: \`https_proxy\` and \`SSL_CERT_FILE\` |
| uv | it reads \`HTTPS_PROXY\` and \`SSL_CERT_FILE\` |
| kaniko | it is a Go program; for its \`RUN\` steps see [Tekton](tekton.md#run-steps) |
`;

const words = { sentence: 'the sentence', reason: 'the reason', status: 'the status', nothing: 'nothing' } as const;

/** The cells of the table of rejected requests, in order. */
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
