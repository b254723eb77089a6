/** Why signing in elsewhere did not work, by the code that the server puts into the address. */
const reasons: Readonly<Record<string, string>> = {
  account_disabled: 'This account has been disabled by the owner of this server.',
  already_signed_up: 'You are signed in with another account. Sign out first.',
  email_taken: 'There is an account with this email address already. Sign in with its password.',
  oidc_absent: 'This server has no other way to sign in.',
  oidc_attempt_invalid: 'This attempt to sign in was finished before or took too long. Please begin again.',
  oidc_refused: 'The other side did not confirm who you are. Please try again.',
  oidc_unavailable: 'The other side cannot be reached to sign you in. Please try again shortly.',
  session_ended: 'Your session has ended. Please sign in again.',
  sign_up_closed: 'This server takes no new accounts, and there is none for you yet.',
}

/** A sentence for the code in the address of the page, if there is one. Nothing of the address itself is shown. */
export function reasonIn(search: string): string | undefined {
  const code = new URLSearchParams(search).get('error')
  if (code === null) return undefined
  return Object.hasOwn(reasons, code) ? reasons[code] : 'You could not be signed in. Please try again.'
}
