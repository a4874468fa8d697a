import { useState } from "preact/hooks";
import { signIn } from "../state/load";
import { needsKey, t } from "../state/store";

export function Login() {
  const [key, setKey] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!key.trim() || busy) return;
    setBusy(true);
    await signIn(key.trim());
    setBusy(false);
  };
  return (
    <main class="login">
      <form onSubmit={submit} data-testid="login">
        <h2>{t("login.title")}</h2>
        <p>{t("login.why")}</p>
        <label for="key">{t("login.key")}</label>
        <input
          id="key"
          type="password"
          autocomplete="off"
          autoFocus
          aria-invalid={needsKey.value === "bad"}
          aria-describedby="key-bad"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
          data-testid="login-key"
        />
        <p id="key-bad" role="alert" class="bad">
          {needsKey.value === "bad" && t("login.bad")}
        </p>
        <button type="submit" class="main" disabled={busy} data-testid="login-go">
          {t("login.go")}
        </button>
      </form>
    </main>
  );
}
