import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createCa } from '../../../src/proxy/certificates/certificate-authority.ts';
import { freePort, untilListening } from '../../support/e2e/programs.ts';
import { toolAuthority } from '../../support/proxy/tool-server.ts';

const certgen = '/usr/lib/squid/security_file_certgen';
/** Debian's user `proxy`: Squid refuses to be root. */
const uid = 13;
const gid = 13;

/** Squid doing the proxy's work for one credential: a password for clients, TLS that ends in it, a header put in. */
export class SquidBump {
  readonly process: ChildProcess;
  readonly port: number;
  readonly authority: string;

  private constructor(process: ChildProcess, port: number, authority: string) {
    this.process = process;
    this.port = port;
    this.authority = authority;
  }

  /**
   * @param directory to be made, in one that everybody can enter. @param entering words before the program.
   */
  static async start(
    directory: string,
    host: string,
    login: string,
    authorization: string,
    entering: readonly string[] = [],
  ): Promise<SquidBump> {
    mkdirSync(directory);
    const at = (name: string): string => path.join(directory, name);
    const port = await freePort();
    const ca = createCa({ now: Date.now });
    writeFileSync(at('ca.pem'), `${ca.certificate}${ca.key.expose()}`);
    writeFileSync(at('tools.pem'), toolAuthority.certificate);
    writeFileSync(at('hosts'), `127.0.0.1 localhost ${host}\n`);
    writeFileSync(at('allowed'), `${login}\n`);
    copyFileSync(path.join(import.meta.dirname, '../../support/e2e/basic-auth-helper.mjs'), at('helper.mjs'));
    writeFileSync(
      at('squid.conf'),
      `
http_port 127.0.0.1:${port} ssl-bump tls-cert=${at('ca.pem')} generate-host-certificates=on dynamic_cert_mem_cache_size=16MB
sslcrtd_program ${certgen} -s ${at('certificates')} -M 16MB
sslcrtd_children 2 startup=1
tls_outgoing_options cafile=${at('tools.pem')}
acl connecting at_step SslBump1
ssl_bump peek connecting
ssl_bump bump all
pid_filename none
cache deny all
access_log stdio:${at('access.log')}
cache_log ${at('cache.log')}
coredump_dir ${directory}
hosts_file ${at('hosts')}
auth_param basic program ${process.execPath} ${at('helper.mjs')} ${at('allowed')}
auth_param basic children 2 startup=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
request_header_access Authorization deny all
request_header_add Authorization "${authorization}" all
shutdown_lifetime 0 seconds
`,
    );
    spawnSync(certgen, ['-c', '-s', at('certificates'), '-M', '16MB'], {
      stdio: 'ignore',
    });
    chmodSync(directory, 0o755);
    const give = (file: string): void => chownSync(file, uid, gid);
    give(directory);
    for (const name of readdirSync(directory, {
      recursive: true,
      encoding: 'utf8',
    }))
      give(at(name));
    const [program, ...words] = [...entering, 'squid', '-N', '-n', `bench${port}`, '-f', at('squid.conf')];
    const child = spawn(program, words, { stdio: 'ignore', uid, gid });
    await untilListening(port);
    return new SquidBump(child, port, ca.certificate);
  }
}
