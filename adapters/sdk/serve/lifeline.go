package serve

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// holdLifeline ends the process as soon as the host is gone. fd is the number of an inherited pipe end; the host holds the
// other one open for as long as it wants this process, and the kernel closes it when the host dies, however it dies.
//
// The goroutine that reads has no owner on purpose: it must outlive everything else. Without a number there is no lifeline.
func holdLifeline(fd string, exit func(code int)) error {
	if fd == "" {
		return nil
	}
	n, err := strconv.ParseUint(fd, 10, 16)
	if err != nil || n <= 2 {
		return fmt.Errorf("the lifeline %.20q is not a file descriptor", fd)
	}
	// Processes that an adapter might start have no business with it.
	syscall.CloseOnExec(int(n))
	pipe := os.NewFile(uintptr(n), "lifeline")
	if pipe == nil {
		return errors.New("the lifeline is not open")
	}
	if _, err := pipe.Stat(); err != nil {
		return fmt.Errorf("the lifeline is not open: %w", err)
	}
	go func() {
		buffer := make([]byte, 1)
		for {
			// Nothing is ever written; a byte would mean nothing, and any error is an end.
			if _, err := pipe.Read(buffer); err != nil {
				exit(0)
				return
			}
		}
	}()
	return nil
}
