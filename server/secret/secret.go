// Package secret seals what must not lie readable on disk: sellers' credentials and the state of adapters. It owns the
// key file, and knows neither what it seals nor where that is kept.
package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/relaishq/relais/server/store"
)

// Errors of Keeper.Open.
var (
	// ErrUnknownKey means that the value was sealed with a key that the key file does not hold.
	ErrUnknownKey = errors.New("sealed with another key")
	// ErrDamaged means that the ciphertext is not what was sealed, or was sealed for another row.
	ErrDamaged = errors.New("sealed value damaged or moved")
)

// Keeper seals and opens with the keys of one key file: XChaCha20-Poly1305, whose nonces are long enough to be random
// for ever. It is safe for concurrent use.
type Keeper struct {
	path    string
	aead    tink.AEAD
	primary string          // id of the key that seals
	known   map[string]bool // ids of the keys that open
}

var _ store.Sealer = (*Keeper)(nil)

// Open reads the key file, a Tink keyset in JSON. On the first run it makes the file, readable by its owner only, in a
// directory that it makes as well; of two processes that do so at once both get the same key. It refuses a key file that
// others can read.
func Open(path string) (*Keeper, error) {
	handle, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("make key file %s: %w", path, err)
		}
		handle, err = read(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	info := handle.KeysetInfo()
	k := &Keeper{path: path, aead: primitive, primary: keyID(info.GetPrimaryKeyId()), known: map[string]bool{}}
	for _, key := range info.GetKeyInfo() {
		k.known[keyID(key.GetKeyId())] = true
	}
	return k, nil
}

// Seal encrypts plaintext. associatedData says what it is and whose, and is needed to open it again: a value that was
// moved to another row does not open there.
func (k *Keeper) Seal(plaintext, associatedData []byte) (store.Sealed, error) {
	ciphertext, err := k.aead.Encrypt(plaintext, associatedData)
	if err != nil {
		return store.Sealed{}, fmt.Errorf("seal: %w", err)
	}
	return store.Sealed{KeyID: k.primary, Ciphertext: ciphertext}, nil
}

// Open decrypts what Seal returned for the same associatedData. Errors: ErrUnknownKey, ErrDamaged.
func (k *Keeper) Open(sealed store.Sealed, associatedData []byte) ([]byte, error) {
	if !k.known[sealed.KeyID] {
		return nil, fmt.Errorf("%w: %s does not hold key %s; restore the key file that does, or give the store its credentials anew (RotateCredentials)",
			ErrUnknownKey, k.path, sealed.KeyID)
	}
	plaintext, err := k.aead.Decrypt(sealed.Ciphertext, associatedData)
	if err != nil {
		// Tink's error tells no more than that, on purpose.
		return nil, fmt.Errorf("%w: give the store its credentials anew (RotateCredentials), and check the disk and who writes to the database", ErrDamaged)
	}
	return plaintext, nil
}

// keyID is how a key's id is written in storage and messages.
func keyID(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

// read reads a key file that only its owner may read.
func read(path string) (*keyset.Handle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("others can read it (mode %#o), and it opens every store's credentials; "+
			"run chmod 600 on it, and rotate the credentials if anyone might have read it", mode)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(content)))
	if err != nil {
		// The cause could quote the file.
		return nil, errors.New("it holds no Tink keyset; restore it from a backup, or move it away to start with a new key " +
			"and give every store its credentials anew")
	}
	return handle, nil
}

// create makes a key file with a new key. It is complete and on disk before it has its name, and a file that came to be
// meanwhile stays.
func create(path string) (err error) {
	handle, err := keyset.NewHandle(aead.XChaCha20Poly1305KeyTemplate())
	if err != nil {
		return err
	}
	var content bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&content)); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".relais-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temporary.Name())) }()
	_, err = temporary.Write(content.Bytes())
	if err := errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(dir)
}

// syncDirectory makes a new name in a directory durable: a key lost in a power cut takes the credentials with it.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
