package secret_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/relaishq/relais/server/secret"
	"github.com/relaishq/relais/server/store"
)

func open(t *testing.T, path string) *secret.Keeper {
	t.Helper()
	k, err := secret.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t *testing.T, k *secret.Keeper, plaintext, associatedData string) store.Sealed {
	t.Helper()
	s, err := k.Seal([]byte(plaintext), []byte(associatedData))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "relais.key")
	sealed := seal(t, open(t, path), "password", "shop")
	again := seal(t, open(t, path), "password", "shop")
	if bytes.Contains(sealed.Ciphertext, []byte("password")) || bytes.Equal(sealed.Ciphertext, again.Ciphertext) {
		t.Error("the ciphertext shows the secret, or that two secrets are the same")
	}
	plain, err := open(t, path).Open(sealed, []byte("shop")) // after a restart
	if err != nil || string(plain) != "password" {
		t.Errorf("%q, %v", plain, err)
	}
	for file, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %s, want %s", file, info.Mode(), want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files beside each other, want the key file only: %v", len(entries), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k := open(t, filepath.Join(dir, "relais.key"))
	other := open(t, filepath.Join(dir, "other.key"))
	sealed := seal(t, k, "password", "relais/credentials/shop/alpha")
	for _, c := range []struct {
		name           string
		sealed         func(store.Sealed) store.Sealed
		keeper         *secret.Keeper
		associatedData string
		want           error
		advice         string
	}{
		{"of another store", nil, k, "relais/credentials/other/alpha", secret.ErrDamaged, "credentials anew"},
		{"of another kind", nil, k, "relais/state/shop/alpha", secret.ErrDamaged, "credentials anew"},
		{"without associated data", nil, k, "", secret.ErrDamaged, "credentials anew"},
		{"changed", func(s store.Sealed) store.Sealed {
			s.Ciphertext[len(s.Ciphertext)-1] ^= 1
			return s
		}, k, "relais/credentials/shop/alpha", secret.ErrDamaged, "check the disk"},
		{"cut off", func(s store.Sealed) store.Sealed {
			s.Ciphertext = s.Ciphertext[:10]
			return s
		}, k, "relais/credentials/shop/alpha", secret.ErrDamaged, "check the disk"},
		{"empty", func(s store.Sealed) store.Sealed {
			s.Ciphertext = nil
			return s
		}, k, "relais/credentials/shop/alpha", secret.ErrDamaged, "check the disk"},
		{"sealed with another key", nil, other, "relais/credentials/shop/alpha", secret.ErrUnknownKey, "restore the key file"},
		{"sealed with another key, which is not told", func(s store.Sealed) store.Sealed {
			s.KeyID = seal(t, other, "x", "x").KeyID
			return s
		}, other, "relais/credentials/shop/alpha", secret.ErrDamaged, "credentials anew"},
		{"sealed with no key", func(s store.Sealed) store.Sealed {
			s.KeyID = ""
			return s
		}, k, "relais/credentials/shop/alpha", secret.ErrUnknownKey, "restore the key file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := store.Sealed{KeyID: sealed.KeyID, Ciphertext: slices.Clone(sealed.Ciphertext)}
			if c.sealed != nil {
				s = c.sealed(s)
			}
			plain, err := c.keeper.Open(s, []byte(c.associatedData))
			if !errors.Is(err, c.want) || plain != nil {
				t.Fatalf("%q, %v; want %v", plain, err, c.want)
			}
			if !strings.Contains(err.Error(), c.advice) {
				t.Errorf("error %q does not say %q", err, c.advice)
			}
		})
	}
}

func TestKeyFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"readable by the group", "", 0o640, "chmod 600"},
		{"readable by all", "", 0o604, "chmod 600"},
		{"damaged", "sesame", 0o600, "no Tink keyset"},
		{"empty", "", 0o600, "no Tink keyset"},
		{"without keys", `{"primaryKeyId":1,"key":[]}`, 0o600, "no Tink keyset"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "relais.key")
			if c.mode != 0o600 {
				open(t, path)
			} else if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = secret.Open(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v; want one that names the file and says %q", err, c.want)
			}
			if c.content != "" && strings.Contains(err.Error(), c.content) {
				t.Errorf("error %q quotes the file", err)
			}
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the refused file was changed: %v", err)
			}
		})
	}
}

func TestFirstRunOfSeveralProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "relais.key")
	keepers := make([]*secret.Keeper, 8)
	var wg sync.WaitGroup
	for i := range keepers {
		wg.Go(func() {
			var err error
			if keepers[i], err = secret.Open(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed := seal(t, keepers[0], "password", "shop")
	for _, k := range keepers {
		if _, err := k.Open(sealed, []byte("shop")); err != nil {
			t.Errorf("two keys were made: %v", err)
		}
	}
}
