import type { ServerResponse } from 'node:http';
import { awsProblem } from './aws-verifier.ts';
import type { AwsKeys } from './aws-verifier.ts';
import { credentialCanary } from './proxy-fixture.ts';
import type { CertificateAuthority } from '../tls/certificate-authority.ts';
import { ToolServer } from './tool-server.ts';
import type { SeenRequest } from './tool-server.ts';

const ecrRegion = 'eu-west-1';
export const ecrHost = `123456789012.dkr.ecr.${ecrRegion}.amazonaws.com`;
export const ecrApiHost = `api.ecr.${ecrRegion}.amazonaws.com`;
/** The name of the API for an endpoint in a VPC. */
export const ecrVpcHost = `vpce-0a1b2c-d3e4.api.ecr.${ecrRegion}.vpce.amazonaws.com`;

export const awsKeys = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: `secret/${credentialCanary}+AccessKey`,
  sessionToken: `session//${credentialCanary}==`,
} satisfies AwsKeys;

/** Amazon ECR over TLS: the API, which verifies signatures, and a registry that accepts the passwords that it has issued. */
export class FakeEcr {
  readonly server: ToolServer;
  /** Requests to the API. */
  readonly asked: SeenRequest[] = [];
  /** Requests to the registry. */
  readonly used: SeenRequest[] = [];
  readonly #valid = new Set<string>();
  keys: AwsKeys = awsKeys;
  now = (): number => Date.now();
  lifeMs = 12 * 3_600_000;
  /** Creates a password. */
  newPassword = (): string => `ISSUED-${credentialCanary}-${this.asked.length}`;
  /** Replaces the response of the API. */
  answer: ((response: ServerResponse) => void) | undefined;

  constructor(server: ToolServer) {
    this.server = server;
    server.answer = (request, response, seen) => {
      request.on('end', () => {
        const [host = ''] = (seen.headers.host ?? '').split(':');
        if (host.includes('api.ecr.')) this.#serveApi(seen, response);
        else this.#serveRegistry(seen, response);
      });
    };
  }

  static async start(authority?: CertificateAuthority): Promise<FakeEcr> {
    return new FakeEcr(await ToolServer.start('https', undefined, [ecrHost, ecrApiHost, ecrVpcHost], authority));
  }

  accepts(password: string): boolean {
    return this.#valid.has(password);
  }

  /** Rejects all passwords issued so far. */
  withdraw(): void {
    this.#valid.clear();
  }

  #serveApi(seen: SeenRequest, response: ServerResponse): void {
    this.asked.push(seen);
    if (this.answer !== undefined) {
      this.answer(response);
      return;
    }
    const answer = (status: number, body: object): void =>
      void response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    const isCall =
      seen.method === 'POST' &&
      seen.headers['x-amz-target'] === 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken';
    const problem = awsProblem(seen, this.keys, { region: ecrRegion, service: 'ecr' }, this.now());
    if (!isCall || problem !== undefined) {
      answer(400, { __type: problem ?? 'UnknownOperationException', message: 'PROVIDER text' });
      return;
    }
    const password = this.newPassword();
    this.#valid.add(password);
    const authorizationToken = Buffer.from(`AWS:${password}`).toString('base64');
    const expiresAt = (this.now() + this.lifeMs) / 1000;
    const entry = { authorizationToken, expiresAt, proxyEndpoint: `https://${ecrHost}` };
    answer(200, { authorizationData: [entry] });
  }

  #serveRegistry(seen: SeenRequest, response: ServerResponse): void {
    this.used.push(seen);
    const login = Buffer.from((seen.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    if (login.startsWith('AWS:') && this.accepts(login.slice(4))) {
      response.end('in');
      return;
    }
    const challenge = `Basic realm="https://${ecrHost}/",service="ecr.amazonaws.com"`;
    response.writeHead(401, { 'www-authenticate': challenge }).end('Not Authorized');
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
