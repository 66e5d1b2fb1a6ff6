// SPDX-License-Identifier: BSD-3-Clause

package platform

// supervise.go - systemd's notifications. The contract is in platform.go. Counterpart: libsystemd's sd_notify.

import (
	"errors"
	"net"
	"os"
)

// ErrNoNotifySocket tells that nobody asked for notifications.
var ErrNoNotifySocket = errors.New("NOTIFY_SOCKET not found!")

// SdNotify sends lines such as "READY=1\n" or "STATUS=Loading\n" to systemd, over the datagram socket that NOTIFY_SOCKET names: a path, or @ and
// a name in Linux's abstract space. It needs Unix sockets.
func SdNotify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return ErrNoNotifySocket
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(state))
	return err
}
