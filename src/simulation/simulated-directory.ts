/** Describes who and what an organization consists of: what its lists of projects, keys, users and limits are made from. */

export interface SimulatedProject {
  readonly id: string;
  readonly name: string | null;
  readonly status: 'active' | 'archived';
  /** The place where its data is kept; null: the API does not say. */
  readonly residency?: string | null;
}

export interface SimulatedKey {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  /** Id of a user or of a service account. */
  readonly ownerId: string;
  /** It has usage, but is no longer listed. */
  readonly deleted?: boolean;
  /** Days from the organization's start to its expiry; null: never; absent: as a list that does not say. */
  readonly expiresAfterDays?: number | null;
}

export interface SimulatedUser {
  readonly id: string;
  readonly name: string | null;
  readonly email: string | null;
  readonly role: 'owner' | 'reader';
}

export interface SimulatedServiceAccount {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
}

/** One row of a project's rate limits, as the API names its fields. */
export interface SimulatedRateLimit {
  readonly model: string;
  readonly max_requests_per_1_minute: number;
  readonly max_tokens_per_1_minute: number;
  readonly max_images_per_1_minute?: number;
  readonly max_audio_megabytes_per_1_minute?: number;
  readonly max_requests_per_1_day?: number;
  readonly batch_1_day_max_input_tokens?: number;
}

export interface SimulatedSpendLimit {
  /** Cents. */
  readonly threshold: number;
  readonly status: 'inactive' | 'enforcing';
}

export interface SimulatedSpendAlert {
  readonly id: string;
  /** Cents. */
  readonly threshold: number;
}

export interface SimulatedAdminKey {
  readonly id: string;
  readonly name: string | null;
  /** Days from the organization's start to its expiry; null: never. */
  readonly expiresAfterDays: number | null;
}

export interface Directory {
  readonly id: string;
  readonly name: string;
  readonly projects: readonly SimulatedProject[];
  readonly keys: readonly SimulatedKey[];
  readonly users: readonly SimulatedUser[];
  readonly serviceAccounts: readonly SimulatedServiceAccount[];
  /** Keyed by project id. */
  readonly rateLimits: ReadonlyMap<string, readonly SimulatedRateLimit[]>;
  /** Keyed by project id; the organization's own is under `''`. */
  readonly spendLimits: ReadonlyMap<string, SimulatedSpendLimit>;
  /** Keyed by project id; the organization's own is under `''`. */
  readonly spendAlerts: ReadonlyMap<string, readonly SimulatedSpendAlert[]>;
  readonly adminKeys: readonly SimulatedAdminKey[];
}
