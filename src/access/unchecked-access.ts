import { CodedError } from '../errors.js';
import type { AccessControl, AccessDecision, AuthorizationRequest } from './access-control.js';

/**
 * Access where there is no API server to ask (connectors from a directory): whoever can mount a volume on this machine
 * may use every connector of the directory. A flag that asks for a check which cannot be made is an error, never a yes.
 */
export class UncheckedAccess implements AccessControl {
  async authorize(request: AuthorizationRequest): Promise<AccessDecision> {
    if (!this.isKnownAllowed(request)) {
      throw new CodedError(
        'FAILED_PRECONDITION',
        'enable-connector-proxy-permissions needs the Kubernetes API: set it to "false" in ConfigMap connectors-config, or run with --connector-source kubernetes',
      );
    }
    return Promise.resolve({ kind: 'allowed' });
  }

  isAnsweredSoon(): Promise<boolean> {
    return Promise.resolve(true);
  }

  isKnownDenied(): boolean {
    return false;
  }

  approvalStates(): readonly string[] {
    return [];
  }

  onNews(): void {
    // Nobody decides anything.
  }

  retain(): void {
    // There are no approvals.
  }

  release(): void {
    // As there is nothing to retain.
  }

  isKnownAllowed({ flags }: AuthorizationRequest): boolean {
    return !flags.connectorProxyPermissions;
  }
}
