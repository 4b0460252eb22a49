/** A failure in Kubernetes' form: becomes a `Status` body with its HTTP status. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: number, reason: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): Readonly<Record<string, unknown>> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(Object.keys(this.details).length > 0 ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

interface Named {
  readonly group: string;
  readonly resource: string;
}

const qualified = ({ group, resource }: Named): string => (group === '' ? resource : `${resource}.${group}`);

export function notFound(resource: Named, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, {
    name,
    group: resource.group,
    kind: resource.resource,
  });
}

export function alreadyExists(resource: Named, name: string): StatusError {
  return new StatusError(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, {
    name,
    group: resource.group,
    kind: resource.resource,
  });
}

export function conflict(resource: Named, name: string, why: string): StatusError {
  return new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`, {
    name,
    group: resource.group,
    kind: resource.resource,
  });
}

export function invalid(kind: string, name: string, why: string): StatusError {
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${why}`, { name, kind });
}

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const expired = (version: number, oldest: number): StatusError =>
  new StatusError(410, 'Expired', `too old resource version: ${version} (${oldest})`);
