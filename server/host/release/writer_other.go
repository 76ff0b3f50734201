//go:build !linux

package release

import "os"

// hasWriter knows of nobody: there is no way here to ask. A file that changes while it is copied is noticed all the same.
func hasWriter(*os.File) bool { return false }
