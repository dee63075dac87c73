package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func (d *driver) CreateSnapshot(_ context.Context, request *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	if err := checkIdentifier("name", request.Name); err != nil {
		return nil, err
	}
	if err := checkIdentifier("source volume", request.SourceVolumeId); err != nil {
		return nil, err
	}
	unlock, err := d.lock(request.SourceVolumeId)
	if err != nil {
		return nil, err
	}
	defer unlock()
	id := request.Name + "@" + request.SourceVolumeId
	image := d.images.snapshot(id)
	same, err := filepath.Glob(d.images.snapshot(request.Name + "@*"))
	if err != nil {
		return nil, failure(err)
	}
	switch {
	case len(same) == 0:
		if err := duplicate(d.images.volume(request.SourceVolumeId), image); err != nil {
			return nil, failure(err)
		}
	case same[0] != image:
		return nil, status.Error(codes.AlreadyExists, "of another volume")
	}
	stat, err := os.Stat(image)
	if err != nil {
		return nil, failure(err)
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: id, SourceVolumeId: request.SourceVolumeId, SizeBytes: stat.Size(),
		CreationTime: timestamppb.New(stat.ModTime()), ReadyToUse: true,
	}}, nil
}

func (d *driver) DeleteSnapshot(_ context.Context, request *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if request.SnapshotId == "" {
		return nil, status.Error(codes.InvalidArgument, "no snapshot id")
	}
	if checkIdentifier("snapshot", request.SnapshotId) == nil {
		if err := os.Remove(d.images.snapshot(request.SnapshotId)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, failure(err)
		}
	}
	return &csi.DeleteSnapshotResponse{}, nil
}
