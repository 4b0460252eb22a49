import type { ToolAddress } from '../../connectors/tool-address.js';
import type { AwsScope } from './aws-signature.js';

/** The API that issues the password of a registry of Amazon ECR. */
export interface EcrApi extends AwsScope {
  readonly host: string;
  /** The prefix of `X-Amz-Target`. */
  readonly target: string;
}

const privateTarget = 'AmazonEC2ContainerRegistry_V20150921';
const publicApi = { region: 'us-east-1', service: 'ecr-public', target: 'SpencerFrontendService' } as const;

/** Domains of the API by the domain of the registry. Those of dual-stack hosts differ, the others are the same. */
const apiDomains: ReadonlyMap<string, string> = new Map([
  ['amazonaws.com', 'amazonaws.com'],
  ['amazonaws.com.cn', 'amazonaws.com.cn'],
  ['amazonaws.eu', 'amazonaws.eu'],
  ['on.aws', 'api.aws'],
  ['on.amazonwebservices.com.cn', 'api.amazonwebservices.com.cn'],
  ['on.amazonwebservices.eu', 'api.amazonwebservices.eu'],
]);

const privateRegistry = /^\d{12}\.dkr(?<separator>[.-])ecr(?<fips>-fips)?\.(?<region>[a-z0-9-]{1,32})\.(?<domain>.+)$/;
/** With the names of interface endpoints in a VPC. */
const privateApi =
  /(?:^|\.)api\.ecr(?:-fips)?\.(?<region>[a-z0-9-]{1,32})\.|^ecr(?:-fips)?\.(?<region2>[a-z0-9-]{1,32})\./;

/**
 * Returns the API for a registry's host, by AWS' rules for names of hosts.
 * See https://docs.aws.amazon.com/general/latest/gr/ecr.html.
 * @returns undefined if the host is no registry of Amazon ECR.
 */
export function ecrApiOf({ host }: Pick<ToolAddress, 'host'>): EcrApi | undefined {
  if (host === 'public.ecr.aws') return { ...publicApi, host: 'api.ecr-public.us-east-1.amazonaws.com' };
  if (host === 'ecr-public.aws.com') return { ...publicApi, host: 'ecr-public.us-east-1.api.aws' };
  const { separator, fips = '', region = '', domain = '' } = privateRegistry.exec(host)?.groups ?? {};
  const apiDomain = apiDomains.get(domain);
  // Dual-stack hosts have the hyphen, and only they have a domain of their own.
  if (apiDomain === undefined || (separator === '-') !== (apiDomain !== domain)) return undefined;
  const prefix = separator === '.' && fips === '' ? 'api.' : '';
  return { host: `${prefix}ecr${fips}.${region}.${apiDomain}`, region, service: 'ecr', target: privateTarget };
}

/** Reports whether an address of a Connector is another name of the API, such as that of an endpoint in a VPC. */
export function isEcrApiAddress({ host, scheme }: ToolAddress, { region, service }: EcrApi): boolean {
  const { region: first, region2 = first } = privateApi.exec(host)?.groups ?? {};
  return scheme === 'https' && service === 'ecr' && region2 === region;
}
